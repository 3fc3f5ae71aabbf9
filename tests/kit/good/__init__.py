from careercenter.platforms.kinds import plugin as described

plugin = described("tests.kit.good")
