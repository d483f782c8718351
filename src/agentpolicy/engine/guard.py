"""The decorator that puts a policy in front of tool functions."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Generator, Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.tools import ToolShape
from agentpolicy.engine.counting import UNBOUNDED
from agentpolicy.engine.memory import UNSEEN
from agentpolicy.engine.session import ending_of
from agentpolicy.engine.signature import shape_of

if TYPE_CHECKING:
    from agentpolicy.engine.decision import Decision
    from agentpolicy.engine.engine import Engine

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def guard(engine: Engine, *, name: str | None = None, ignore: Collection[str] = ()) -> Callable[[T], T]:
    """A decorator: every call of the function is first put to the policy, in the session of the context.

    It serves functions, async functions, generators, methods, and classes (whose public methods are tools then). The
    tool's name and parameters are the function's; what it does comes from the policy's ``tool`` line, from annotations
    such as ``Annotated[str, Shell]``, or from both together. Signature and docstring stay. Where the policy gives a
    parameter a default and the call gives None, the function is given the policy's default, so that what runs is what
    was judged.

    Args:
        engine: the engine that decides.
        name: the tool's name, where it is not the function's; ``server/tool`` for MCP.
        ignore: parameters that are no part of what the agent asks for.

    Raises:
        TypeError: at decoration, where nothing says what the function does, or its signature and the policy disagree.
        Denied: from the guarded function, where the call was refused.
        ApprovalRequired: from the guarded function, where a person has to agree and nobody can be asked.
    """

    def decorate(target: T) -> T:
        if inspect.isclass(target):
            return cast("T", _guard_class(engine, target, ignore))
        return cast("T", _guard_function(engine, target, name, ignore, bound=False))

    return decorate


def _guard_class(engine: Engine, cls: type, ignore: Collection[str]) -> type:
    guarded = 0
    for attribute, value in list(vars(cls).items()):
        if attribute.startswith("_"):
            continue
        if isinstance(value, staticmethod):
            wrapped: Any = staticmethod(_guard_function(engine, value.__func__, attribute, ignore, bound=False))
        elif isinstance(value, classmethod):
            wrapped = classmethod(_guard_function(engine, value.__func__, attribute, ignore, bound=True))
        elif inspect.isfunction(value):
            wrapped = _guard_function(engine, value, attribute, ignore, bound=True)
        else:
            continue
        setattr(cls, attribute, wrapped)
        guarded += 1
    if not guarded:
        raise TypeError(f"the class `{cls.__name__}` has no public methods to guard")
    return cls


def _guard_function(engine: Engine, target: Any, name: str | None, ignore: Collection[str], *, bound: bool) -> Any:
    if isinstance(target, staticmethod | classmethod):
        inner = _guard_function(engine, target.__func__, name, ignore, bound=isinstance(target, classmethod))
        return type(target)(inner)
    if not callable(target):
        raise TypeError(f"only functions and classes can be guarded, not {type(target).__name__}")
    tool = name or getattr(target, "__name__", None)
    if not isinstance(tool, str) or not tool.isprintable():
        raise TypeError("this callable has no name: write guard(engine, name=…)")
    bound = bound or _looks_like_method(target)
    shape = shape_of(target, tool, ignore, bound)
    _agree(engine, shape)
    gate = _Gate(engine, target, shape, ignore, bound)
    return functools.wraps(target)(gate.wrapper())


def _looks_like_method(target: Any) -> bool:
    first = next(iter(inspect.signature(target).parameters), None)
    return first in ("self", "cls") and "." in getattr(target, "__qualname__", "")


def _agree(engine: Engine, shape: ToolShape) -> None:
    """The policy and the signature must speak of the same tool, and one of them must say what it does."""
    declared = engine.policy.tools.get(shape.name)
    if declared is None:
        if not shape.effects and not engine.policy.names_tool(shape.name):
            raise TypeError(
                f"nothing says what `{shape.name}` does: annotate a parameter (`command: Annotated[str, Shell]`), "
                f"declare `tool {shape.name}(…)` in the policy, or write a rule that names it"
            )
        engine.declare(shape)
        return
    for parameter in declared.parameters:
        if parameter not in shape.parameters:
            raise TypeError(
                f"the policy's `tool {shape.name}` has a parameter `{parameter}`, and the function has none"
            )
    for parameter in shape.parameters:
        if parameter not in declared.parameters:
            raise TypeError(
                f"the function `{shape.name}` has a parameter `{parameter}`, and the policy's tool line has none"
            )
    if shape.effects:
        kinds = {parameter: declared.parameters[parameter][0] for parameter in declared.parameters}
        for _, parameter, _ in shape.effects:
            if kinds[parameter] != shape.parameters[parameter][0]:
                raise TypeError(
                    f"the policy says that `{parameter}` of `{shape.name}` is `{kinds[parameter]}`, "
                    f"and its annotation says `{shape.parameters[parameter][0]}`"
                )
        rows = {
            parameter: (kind, required, default) for parameter, (kind, required, default) in declared.parameters.items()
        }
        engine.declare(ToolShape(shape.name, rows, shape.effects, shape.only, None))


def _steady(value: Any) -> Any:
    """What is judged is what runs: a list is copied, an object that names a path is asked for it once."""
    if type(value) is list:
        return list(value)
    if isinstance(value, os.PathLike) and not isinstance(value, PurePath):
        return os.fspath(value)
    return value


class _Gate:
    """One guarded function."""

    def __init__(self, engine: Engine, target: Any, shape: ToolShape, ignore: Collection[str], bound: bool) -> None:
        self._engine = engine
        self._target = target
        self._shape = shape
        self._ignore = frozenset(ignore)
        self._skip = 1 if bound else 0
        self._signature = inspect.signature(target)

    def wrapper(self) -> Callable[..., Any]:
        """A function of the same kind as the guarded one."""
        if inspect.isasyncgenfunction(self._target):
            return self._async_generator()
        if inspect.iscoroutinefunction(self._target):
            return self._async()
        if inspect.isgeneratorfunction(self._target):
            return self._generator()
        return self._sync()

    def _bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[inspect.BoundArguments, ToolCall]:
        """The arguments as the function will get them, and the call as the policy sees it."""
        given = self._signature.bind(*args, **kwargs)
        given.apply_defaults()
        shape = self._engine.shape(self._shape.name) or self._shape
        seen: dict[str, Any] = {}
        for at, (name, value) in enumerate(given.arguments.items()):
            if at < self._skip or name in self._ignore:
                continue
            known = shape.parameters.get(name)
            if value is None and known is not None and known[2] is not None:
                value = list(known[2]) if isinstance(known[2], tuple) else known[2]
                given.arguments[name] = value
            steady = _steady(value)
            if steady is not value:
                given.arguments[name] = value = steady
            # The function may change its list; what was judged stays as it was.
            seen[name] = list(value) if type(value) is list else value
        return given, ToolCall(self._shape.name, seen)

    def _failed(self, decision: Decision, error: BaseException) -> None:
        self._engine.settle(decision, "error", error)

    def _returned(self, decision: Decision, result: Any) -> Any:
        """Note a result, and give what the caller gets: something to wait for is noted once it is there."""
        if inspect.isawaitable(result):
            return self._later(decision, result)
        if isinstance(result, AsyncIterator | Iterator):
            # What an iterator gives is seen later, by nobody here: it may be anything, and any number of bytes.
            self._engine.settle(decision, "unknown", UNSEEN, unseen=UNBOUNDED)
        else:
            self._engine.settle(decision, ending_of(result), result)
        return result

    async def _later(self, decision: Decision, result: Awaitable[Any]) -> Any:
        try:
            found = await result
        except BaseException as error:
            self._failed(decision, error)
            raise
        return self._returned(decision, found)

    def _sync(self) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            given, tool_call = self._bind(args, kwargs)
            decision = self._engine.authorize(tool_call, self._engine.current_session(), awaited=True)
            try:
                result = self._target(*given.args, **given.kwargs)
            except BaseException as error:
                self._failed(decision, error)
                raise
            return self._returned(decision, result)

        return call

    def _async(self) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            given, tool_call = self._bind(args, kwargs)
            decision = await self._engine.aauthorize(tool_call, self._engine.current_session(), awaited=True)
            try:
                result = await self._target(*given.args, **given.kwargs)
            except BaseException as error:
                self._failed(decision, error)
                raise
            return self._returned(decision, result)

        return call

    # What a generator gives is seen by the agent before it has ended: until then its result counts as not observed, and
    # where it is left early nobody knows how it would have ended.

    def _generator(self) -> Callable[..., Generator[Any, Any, Any]]:
        def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            given, tool_call = self._bind(args, kwargs)
            decision = self._engine.authorize(tool_call, self._engine.current_session())
            inner = self._target(*given.args, **given.kwargs)
            sent: Any = None
            try:
                while True:
                    item = inner.send(sent)
                    self._engine.note(decision, item)
                    try:
                        sent = yield item
                    except GeneratorExit:
                        inner.close()
                        raise
                    except BaseException as error:
                        item = inner.throw(error)
                        self._engine.note(decision, item)
                        sent = yield item
            except StopIteration as stop:
                self._returned(decision, stop.value)
                return stop.value
            except GeneratorExit:
                self._engine.settle(decision, "unknown", "")
                raise
            except BaseException as error:
                self._failed(decision, error)
                raise

        return call

    def _async_generator(self) -> Callable[..., AsyncIterator[Any]]:
        async def call(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            given, tool_call = self._bind(args, kwargs)
            decision = await self._engine.aauthorize(tool_call, self._engine.current_session())
            try:
                async for item in self._target(*given.args, **given.kwargs):
                    self._engine.note(decision, item)
                    yield item
            except GeneratorExit:
                self._engine.settle(decision, "unknown", "")
                raise
            except BaseException as error:
                self._failed(decision, error)
                raise
            self._returned(decision, "")

        return call
