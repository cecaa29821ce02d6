"""Find the hooks of the customer that the setting CUSTOMER names, and all that is wrong with them.

Nothing here raises: hooks that cannot be used are a list of problems, which the checks, the health
page and every page of the admin show. They are never taken for "no hooks": while there are
problems, events are kept as if every point were wanted, and run once the package is mended.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import logging
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from django.conf import settings

from hooks.base import API, OLDEST_API, CustomerHooks
from hooks.points import POINTS

log = logging.getLogger("hooks")

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""What a customer may be called: it becomes the name of a package."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the hooks; `code` is that of the check which tells it."""

    code: str
    message: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found: the class, the points that it overrides, the problems."""

    customer: str
    hooks: type[CustomerHooks] | None = None
    wanted: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = field(default=())

    @property
    def is_usable(self) -> bool:
        return not self.problems


def current() -> Loaded:
    """Return the hooks of the setting CUSTOMER, imported at the first call."""
    return load(settings.CUSTOMER)


@cache
def load(customer: str) -> Loaded:
    """Return the hooks of a customer; an empty name means that there are none."""
    if not customer:
        return Loaded("")
    if not NAME.fullmatch(customer):
        text = f"CUSTOMER={customer!r} 不是合法的名称：小写字母开头，只含小写字母、数字、下划线。"
        return _failed(customer, "W001", text)
    name = f"customers.{customer}.hooks"
    try:
        module = importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a package that calls sys.exit() must not end the system
        return _failed(customer, "W002", f"无法导入 {name}：{error!r}", traceback.format_exc())
    classes = list(_classes_of(module))
    if len(classes) != 1:
        found = "、".join(cls.__name__ for cls in classes) or "没有"
        return _failed(customer, "W003", f"{name} 里应当恰有一个 CustomerHooks 的子类，现有：{found}。")
    problems = tuple(problems_of(classes[0]))
    for problem in problems:
        log.error("hooks of %s: %s", customer, problem.message)
    return Loaded(customer, classes[0], frozenset(overridden(classes[0])), problems)


def _failed(customer: str, code: str, message: str, details: str = "") -> Loaded:
    log.error("hooks of %s cannot be used: %s\n%s", customer, message, details)
    return Loaded(customer, problems=(Problem(code, message, details),))


def _classes_of(module: ModuleType) -> Iterator[type[CustomerHooks]]:
    """Yield the classes that the package itself defines; a base shared by customers is none of them."""
    for value in vars(module).values():
        own = isinstance(value, type) and value.__module__.startswith(module.__name__)
        if own and issubclass(value, CustomerHooks):
            yield value


def overridden(cls: type[CustomerHooks]) -> Iterator[str]:
    """Yield the points that a class overrides, also through a base of its own."""
    for name in POINTS:
        if inspect.getattr_static(cls, name) is not inspect.getattr_static(CustomerHooks, name):
            yield name


# --- what is wrong with a class -----------------------------------------------------------------


def problems_of(cls: type[CustomerHooks]) -> Iterator[Problem]:
    """Yield all that is wrong with a class, not only the first."""
    api = cls.api
    if isinstance(api, bool) or not isinstance(api, int) or not OLDEST_API <= api <= API:
        yield Problem(
            "W004",
            f"{cls.__name__}.api = {api!r}：此系统的接口版本为 {API}，"
            f"支持 {OLDEST_API} 至 {API}；请按 docs/hooks.md 修改后更新 api。",
        )
    for name in dir(cls):
        if name.startswith(("on_", "calculate_")) and name not in POINTS:
            near = difflib.get_close_matches(name, POINTS, n=1)
            hint = f"，是否想写 {near[0]}？" if near else "。"
            yield Problem("W005", f"{cls.__name__}.{name} 不是扩展点{hint}")
    for name in overridden(cls):
        yield from _problems_of_method(cls, name, inspect.getattr_static(cls, name))


def _problems_of_method(cls: type[CustomerHooks], name: str, method: Any) -> Iterator[Problem]:
    where = f"{cls.__name__}.{name}"
    if not isinstance(method, FunctionType):
        yield Problem("W006", f"{where} 应当是普通方法，而不是 {type(method).__name__}。")
        return
    if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
        yield Problem("W007", f"{where} 是异步函数；扩展点只调用普通函数，请去掉 async。")
        return
    if inspect.isgeneratorfunction(method):
        yield Problem("W007", f"{where} 含有 yield：调用时什么也不会执行；请改为普通函数。")
        return
    known = POINTS[name].arguments
    parameters = list(inspect.signature(method).parameters.values())
    if not parameters or parameters[0].kind not in _POSITIONAL:
        yield Problem("W006", f"{where} 的第一个参数应当是 self。")
        return
    for parameter in parameters[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            yield Problem("W006", f"{where}：参数按名称传入，不能使用 {parameter}。")
        elif parameter.kind != parameter.VAR_KEYWORD and parameter.name not in known:
            near = difflib.get_close_matches(parameter.name, known, n=1)
            hint = f"，是否想写 {near[0]}？" if near else f"；可用：{'、'.join(sorted(known))}。"
            yield Problem("W006", f"{where} 没有名为 {parameter.name} 的参数{hint}")


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def arguments_for(method: Any, available: dict[str, Any]) -> dict[str, Any]:
    """Return of what is available the part that a (bound) method names."""
    parameters = inspect.signature(method).parameters.values()
    if any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
        return available
    return {parameter.name: available[parameter.name] for parameter in parameters}
