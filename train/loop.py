"""The loop that trains every codec: codecs differ in their task, runs in their recipe."""

from __future__ import annotations

import contextlib
import copy
import json
import math
import shlex
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import TorchDynamoPlugin, broadcast, gather_object, set_seed
from torch import Tensor, nn

from .checkpoint import (
    load_weights,
    random_states,
    save_checkpoint,
    save_state,
    set_random_states,
)
from .errors import Interrupted, TrainError
from .recipe import Phase, Recipe
from .report import Report, tracked
from .schedule import Position, ema_decay, fraction_done, learning_rate, phase_at, validations_due
from .signals import GracefulStop
from .task import Task, find_task

CHECKPOINT, BEST, STATE = "checkpoint.pt", "best.safetensors", "state.safetensors"


class Run:
    """One training run in one of its processes."""

    def __init__(self, recipe: Recipe, data: str, out: Path, checkpoint: dict[str, Any] | None) -> None:
        self.recipe, self.data, self.out = recipe, data, out
        gpu = recipe.device != "cpu" and torch.cuda.is_available()
        compiled = recipe.compile and can_compile("cuda" if gpu else "cpu")
        self.accelerator = Accelerator(
            cpu=recipe.device == "cpu",
            mixed_precision="no" if recipe.precision == "fp32" else recipe.precision,
            dynamo_plugin=TorchDynamoPlugin(backend="inductor" if compiled else "no", dynamic=False),  # type: ignore[arg-type]
        )
        torch.manual_seed(recipe.seed)
        with self.accelerator.main_process_first():  # the first process decodes the data, the others find it
            self.task: Task = find_task(recipe.codec)(recipe, data, out, tracked)
        if recipe.compile and not compiled:
            self.task.notes.append("torch.compile does not work here (a C++ compiler?): training is not compiled.")
        self.position = Position(**checkpoint["position"]) if checkpoint else Position()
        self._load_weights(checkpoint)
        self.model = self.task.model.to(device=self.accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.model.train()
        self.optimizers = {"optimizer": self._optimizer(self.model)}
        if self.task.adversary is not None:
            self.optimizers["adversary_optimizer"] = self._optimizer(self.task.adversary.to(self.accelerator.device))
        set_seed(recipe.seed, device_specific=True)
        self.task.seed(recipe.seed, self.accelerator.process_index)
        if checkpoint:
            self._restore(checkpoint)
        self._phase: Phase | None = None
        self.report = Report(out / "tensorboard", quiet=not self.accelerator.is_main_process)
        self._sums: Counter[str] = Counter()

    def train(self) -> None:
        """Run to the end of the schedule. Raises TrainError, or Interrupted after saving."""
        recipe, position = self.recipe, self.position
        with GracefulStop() as stop, self.report:
            for note in self.task.notes:
                self.report.say(note)
            clock = saved = shown = time.monotonic()
            while True:
                fraction = fraction_done(recipe, position)
                if validations_due(recipe, fraction) > position.validations:
                    self.save()  # what follows may take a minute
                    self._validate(validations_due(recipe, fraction))
                if fraction >= 1:
                    break
                self._step(fraction)
                clock, before = time.monotonic(), clock
                position.seconds, stopped, due = self._agree(
                    position.seconds + clock - before, stop.wanted, clock - saved > recipe.save_every
                )
                if position.step % recipe.log_every == 0:
                    self._show(clock - shown)
                    shown = clock
                if stopped or due:
                    self.save()
                    saved = clock
                if stopped:
                    raise Interrupted(self._how_to_resume())
            self.save()
            if self.accelerator.is_main_process:
                self._save_state(STATE, half=True)
            self.report.say(f"Finished after {position.trained} steps.")

    def save(self) -> None:
        """Write the checkpoint; every process takes part with what it alone has seen and draws from."""
        states = gather_object([random_states() | {"task": self.task.running_state()}])
        if self.accelerator.is_main_process:
            content = {
                "codec": self.recipe.codec,
                "data": self.data,
                "data_key": self.task.data_key,
                "task": self.task.settings,
                "position": asdict(self.position),
                "model": self.model.state_dict(),
                "ema": self.ema.state_dict(),
                "random": states,
                **{name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            }
            if self.task.adversary is not None:
                content["adversary"] = self.task.adversary.state_dict()
            save_checkpoint(self.out / CHECKPOINT, content)

    def _optimizer(self, module: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(module.parameters(), self.recipe.learning_rate, self.recipe.betas, fused=True)

    def _save_state(self, name: str, half: bool) -> None:
        step, codec = self.position.trained, self.recipe.codec
        save_state(self.out / name, self.ema, step, codec, self.task.settings, half)

    def _step(self, fraction: float) -> None:
        """One update of the weights from `accumulate` batches of every process."""
        recipe, position, phase = self.recipe, self.position, phase_at(self.recipe, fraction)
        if phase is not self._phase:
            self._enter(phase)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, fraction, position.step)
            optimizer.zero_grad()
        values: list[dict[str, Tensor]] = []
        for i in range(recipe.accumulate):
            batch = self.task.batch(phase.batch, phase.crop, self.accelerator.device)
            last = i + 1 == recipe.accumulate
            with contextlib.nullcontext() if last else self.accelerator.no_sync(self.objective):
                loss, means = self.objective(*batch)
                self.accelerator.backward(loss / recipe.accumulate)
            values.append({"loss": loss.detach(), **means})
        learners = [module for module in (self.model, self.task.adversary) if module is not None]
        norms = [self.accelerator.clip_grad_norm_(module.parameters(), recipe.clip) for module in learners]
        position.step += 1
        if not all(math.isfinite(float(norm)) for norm in norms):
            self._skip()
            return
        position.skipped_in_row = 0
        for optimizer in self.optimizers.values():
            optimizer.step()
        update_average(self.ema, self.model, ema_decay(recipe, position.trained))
        for means in values:
            self._sums.update({name: float(value) for name, value in means.items()})
            self._sums["batches"] += 1
            self._sums["crops"] += phase.batch * self.accelerator.num_processes

    def _enter(self, phase: Phase) -> None:
        """Train what the phase trains; processes agree on gradients anew."""
        self._phase, number = phase, self.recipe.phases.index(phase)
        self._sums.clear()  # of other quantities
        if number > self.position.phase and phase.adversarial:
            self.position.best = math.inf  # losses that a listener hears less are worse than before, and meant to be
        self.position.phase = number
        for (name, parameter), mean in zip(self.model.named_parameters(), self.ema.parameters(), strict=True):
            parameter.requires_grad_(phase.trains(name))
            if not parameter.requires_grad:
                parameter.data.copy_(mean)
        if self.task.adversary is not None:
            self.task.adversary.requires_grad_(phase.adversarial)
        self.task.enter(phase)
        self.objective = self.accelerator.prepare(self.task.objective)

    def _skip(self) -> None:
        self.position.skipped += 1
        self.position.skipped_in_row += 1
        if self.position.skipped_in_row >= self.recipe.give_up:
            raise TrainError(
                f"Training stopped at step {self.position.trained}: the gradients of {self.recipe.give_up} "
                "steps in a row were not finite; resume from the checkpoint with a lower learning_rate."
            )

    def _agree(self, *values: float) -> tuple[float, bool, bool]:
        """Seconds, whether to stop and whether to save, as the first process sees them: all do the same."""
        if self.accelerator.num_processes > 1:
            values = tuple(broadcast(torch.tensor(values, device=self.accelerator.device)).tolist())
        seconds, stop, save = values
        return seconds, bool(stop), bool(save)

    def _show(self, seconds: float) -> None:
        sums, self._sums = self._sums, Counter()
        if not sums:  # every step was skipped
            return
        batches, crops = sums.pop("batches"), sums.pop("crops")
        means = {name: value / batches for name, value in sums.items()}
        numbers = self.task.numbers(means) | {"loss": means["loss"], "crops/s": crops / seconds}
        if self.position.skipped:
            numbers["skipped"] = self.position.skipped
        self.report.numbers(self.position.trained, fraction_done(self.recipe, self.position), numbers)

    def _validate(self, number: int) -> None:
        """Measure the averaged weights on held-out data; the best so far are kept."""
        position = self.position
        position.validations = number
        if self.accelerator.is_main_process and (result := self.task.validate(self.ema)) is not None:
            self.report.say(f"step {position.trained}  {result}")
            self.report.scalars(position.trained, {"validation": result.score, **result.scalars()})
            with open(self.out / "validation.jsonl", "a") as file:
                file.write(json.dumps({"step": position.trained, **result.row()}) + "\n")
            if result.score < position.best:
                position.best = result.score
                save_state(
                    self.out / BEST,
                    self.ema,
                    position.trained,
                    self.recipe.codec,
                    self.task.settings,
                    half=False,
                )
        self.accelerator.wait_for_everyone()

    def _load_weights(self, checkpoint: dict[str, Any] | None) -> None:
        model, init = self.task.model, self.recipe.init
        if checkpoint:
            if checkpoint["task"] != self.task.settings:
                raise TrainError("The recipe's task differs from that of the run to resume.")
            load_weights(model, checkpoint["model"], CHECKPOINT)
        elif init:
            state = self.task.state(init)
            load_weights(model, state.weights, str(init))
            self.position.before = state.step
        else:
            self.task.initialise()

    def _restore(self, checkpoint: dict[str, Any]) -> None:
        """All of a checkpoint but the model's weights, which are there."""
        self.ema.load_state_dict(checkpoint["ema"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(checkpoint[name])
        if self.task.adversary is not None:
            self.task.adversary.load_state_dict(checkpoint["adversary"])
        process = self.accelerator.process_index
        if process < len(checkpoint["random"]):
            states = checkpoint["random"][process]
            set_random_states(states)
            self.task.set_running_state(states["task"])
        if checkpoint["data_key"] != self.task.data_key:
            self.task.notes.append("The data has changed since the run began: it goes on, but not bit for bit.")

    def _how_to_resume(self) -> str:
        command = f"kodek train {self.recipe.codec} --out {shlex.quote(str(self.out))} --resume"
        return f"Stopped at step {self.position.trained} and saved; to go on: {command}"


def can_compile(device: str) -> bool:
    """Whether torch.compile works on this machine; on a CPU it needs a C++ compiler."""
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.zeros(8, device=device))
    except Exception:  # of dynamo, inductor, the compiler or the file system
        return False
    return True


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average = decay * average + (1 - decay) * model; buffers are copied."""
    for mean, weight in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(weight, 1 - decay)
    for copied, buffer in zip(average.buffers(), model.buffers(), strict=True):
        copied.copy_(buffer)
