"""A training worker of several local processes that share no Ray."""

import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from seje_ray.training.worker import LocalWorker


class EndedError(Exception):
    """What ends a training on all workers at once."""


class GlooWorker(LocalWorker):
    """One of several processes, wrapped as Ray Train's are; ends after so many checkpoints."""

    def __init__(self, folder, num_checkpoints=None):
        super().__init__(folder)
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self.checkpoints_left = num_checkpoints

    def wrap(self, module, *, broadcast_buffers):
        return DistributedDataParallel(
            module,
            broadcast_buffers=broadcast_buffers,
            find_unused_parameters=True,
            gradient_as_bucket_view=True,
        )

    def checkpoint(self, checkpoint_dir, name):
        super().checkpoint(checkpoint_dir, name)
        dist.barrier()
        if self.checkpoints_left is not None:
            self.checkpoints_left -= 1
            if self.checkpoints_left == 0:
                raise EndedError
