"""Functions that gin configures, for tests of the configuration."""

import gin


@gin.configurable(module="test_config")
def leaf(size=1, data=None):
    return ("leaf", size, data)


@gin.configurable(module="test_config.inner", denylist=["data"])
def branch(data=None, rate=0.5, limit=float("inf"), function=leaf, other=print, options=None, name="branch"):
    return data, rate, limit, function, other, options, name


@gin.configurable(module="test_config")
def only_a_function(function=leaf):
    return function
