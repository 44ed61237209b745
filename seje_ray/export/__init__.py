"""A finished training as a folder that plain torch loads, without ray and without this package."""
