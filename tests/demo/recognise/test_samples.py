"""The samples do what they promise: three classes are recognised, and a digit of none of them is none of these."""

from siamese.demo.recognise import samples, taught


def test_what_is_asked_about_is_recognised_after_the_samples_are_taught(bundled):
    known = ()
    for name, image in samples.to_teach():
        known = taught.teach(known, name, image, {bundled.name: bundled}, bundled.name)
    assert len(known) == 6
    found = [taught.recognise(known, bundled.look(image), bundled) for image in samples.to_ask()]
    assert [each.name for each in found] == ["digit 2", "digit 5", "digit 8", None]
    assert all(each.is_familiar for each in found)
