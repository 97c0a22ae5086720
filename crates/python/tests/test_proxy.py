"""Formulas are objects of their text."""

import copy
import multiprocessing
import pickle

import pytest

import lpzero

FORMULA = "sum[ffn](sum(abs(W * G)))"


def test_a_formula_says_what_it_is() -> None:
    proxy = lpzero.Proxy(FORMULA)
    assert proxy.formula == FORMULA
    assert proxy.complexity == 6
    assert proxy.reads == ["W", "G"]
    assert proxy.needs_network and proxy.needs_loss and not proxy.needs_whole_tensors
    assert "\\sum" in proxy.latex()
    assert proxy._repr_latex_() == f"${proxy.latex()}$"


def test_a_named_proxy_is_known_by_its_name() -> None:
    proxy = lpzero.Proxy("snip")
    assert (proxy.name, proxy.sign) == ("snip", 1)
    assert "snip" in lpzero.named_proxies()["proxy"]


def test_what_is_no_formula_is_shown_with_its_place() -> None:
    with pytest.raises(lpzero.LpzeroError, match="sum"):
        lpzero.Proxy("sum[ffn](summ(W))")
    assert issubclass(lpzero.LpzeroError, ValueError)


def test_formulas_are_equal_by_text_and_travel() -> None:
    proxy = lpzero.Proxy(FORMULA)
    assert proxy == lpzero.Proxy(FORMULA) and proxy != lpzero.Proxy("snip")
    assert len({proxy, lpzero.Proxy(FORMULA)}) == 1
    assert pickle.loads(pickle.dumps(proxy)) == proxy
    assert copy.deepcopy(proxy) == proxy


def test_formulas_travel_to_other_processes() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (name,) = pool.map(_name, [lpzero.Proxy(FORMULA)])
    assert name == FORMULA


def _name(proxy: lpzero.Proxy) -> str:
    return proxy.name
