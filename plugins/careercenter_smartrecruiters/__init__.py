"""SmartRecruiters companies (public Posting API): a list, and one more answer for each post with its description."""

from careercenter.platforms.kinds import plugin as described

plugin = described("careercenter_smartrecruiters")
