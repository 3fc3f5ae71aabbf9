"""A site's own job pages, found by its sitemap and read by the JobPosting markup that each carries for search engines."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_jobposting")
