"""Several processes, one on each device, that train as one: `torchrun --nproc_per_node=N train.py ...`.

Each process encodes its share of every batch. Embeddings are then gathered, so that pairs span the whole batch; every
process computes the same loss, and gradients flow back through the gathering. Batch statistics are those of the whole batch
too. So N processes take the steps that one would, but for rounding. In a process of its own all of this does nothing.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.parallel import DistributedDataParallel

PATIENCE = timedelta(days=1)  # of processes with each other; torchrun ends all where one fails


@dataclass(frozen=True)
class World:
    """The processes of this training."""

    rank: int = 0  # of this process, from 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the one process that prints, validates and writes."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Which of `count` rows are this process's; all have as many where `count` is a multiple of `size`."""
        return self.share_of(self.rank, count)

    def share_of(self, rank: int, count: int) -> slice:
        """The same of another process."""
        return slice(rank * count // self.size, (rank + 1) * count // self.size)

    @contextlib.contextmanager
    def one_voice(self) -> Iterator[None]:
        """Within, only the main process is heard on the terminal."""
        with contextlib.ExitStack() as stack:
            if not self.is_main:
                silence = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(contextlib.redirect_stdout(silence))
                stack.enter_context(contextlib.redirect_stderr(silence))
            yield

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network as training calls it: the batch is that of all processes, gradients are the mean over them."""
        if self.size == 1:
            return network
        if next(network.parameters()).is_cuda:
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        else:
            _share_statistics(network)
        return DistributedDataParallel(network)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def any(self, flag: bool) -> bool:
        """Whether any process says yes."""
        if self.size == 1:
            return flag
        answers = [None] * self.size
        dist.all_gather_object(answers, flag)
        return any(answers)

    def main_first(self, call):
        """What `call` returns, made by the main process before any other makes it: downloads happen once."""
        if not self.is_main:
            dist.barrier()
        try:
            return call()
        finally:
            if self.is_main and self.size > 1:
                dist.barrier()


ALONE = World()  # one process


@contextlib.contextmanager
def processes(device_name: str) -> Iterator[tuple[World, str]]:
    """The processes that torchrun started, or this one alone, and the device of this one ("cuda" becomes "cuda:RANK")."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE, device_name
        return
    uses_cuda = device_name == "cuda" or (device_name == "auto" and torch.cuda.is_available())
    if uses_cuda:
        device_name = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device_name)
    dist.init_process_group("nccl" if uses_cuda else "gloo", timeout=PATIENCE)
    try:
        yield World(dist.get_rank(), dist.get_world_size()), device_name
    finally:
        dist.destroy_process_group()


def gather_rows(rows: Tensor) -> Tensor:
    """The rows (B / N, D) of all N processes -> (B, D), in the order of ranks; gradients flow back to every process."""
    return _Gather.apply(rows) if _is_shared() else rows


class _SharedStatistics:
    """Batch normalisation with the training statistics of all processes: nn.SyncBatchNorm, which refuses the CPU."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        values, world_size = x.to(self.weight.dtype), dist.get_world_size()  # not in the half precision of autocast
        others, per_channel = (0, *range(2, x.dim())), (-1, *[1] * (x.dim() - 2))
        mean = _Sum.apply(values.mean(dim=others)) / world_size  # (C,)
        values = values - mean.reshape(per_channel)
        variance = _Sum.apply(values.square().mean(dim=others)) / world_size
        with torch.no_grad():
            count = x.numel() // x.shape[1] * world_size
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * (variance + self.eps).rsqrt()
        return (values * scale.reshape(per_channel) + self.bias.reshape(per_channel)).to(x.dtype)


class _SharedBatchNorm1d(_SharedStatistics, nn.BatchNorm1d):
    """nn.BatchNorm1d over the batch of all processes."""


class _SharedBatchNorm2d(_SharedStatistics, nn.BatchNorm2d):
    """nn.BatchNorm2d over the batch of all processes."""


_SHARED = {nn.BatchNorm1d: _SharedBatchNorm1d, nn.BatchNorm2d: _SharedBatchNorm2d}


def _share_statistics(module: nn.Module) -> None:
    for child in module.children():
        # The class alone: parameters, buffers and their names stay what they are.
        child.__class__ = _SHARED.get(type(child), type(child))
        _share_statistics(child)


def _is_shared() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


class _Sum(Function):
    """The sum over all processes; so is the gradient, since every process's loss depends on every process's summand."""

    @staticmethod
    def forward(ctx, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return _Sum.forward(ctx, gradient.contiguous())


class _Gather(Function):
    @staticmethod
    def forward(ctx, rows: Tensor) -> Tensor:
        ctx.count = len(rows)
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total[dist.get_rank() * ctx.count :][: ctx.count]
