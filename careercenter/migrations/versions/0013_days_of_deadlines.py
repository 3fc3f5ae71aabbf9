"""Deadlines are counted by the day that ends in a campus's night, no more by that of UTC"""

from collections import Counter

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

NEVER = -(2**62)
DAY = 86_400_000_000


def upgrade() -> None:
    _count(DAY // 2)


def downgrade() -> None:
    _count(0)


def _count(later: int) -> None:
    """Count the deadlines of the index anew; a day begins so much later than that of UTC."""
    connection = op.get_bind()
    counts = Counter()
    for combination, rush in connection.execute(sa.text('SELECT combination_id, rush FROM listing_entry')):
        day = '' if rush == NEVER else f'{(-rush - later) // DAY:08d}'
        counts[combination, day] += 1
        counts[0, day] += 1
    connection.execute(sa.text("DELETE FROM search_count WHERE name = 'due'"))
    rows = [{'combination': combination, 'value': day, 'n': n} for (combination, day), n in counts.items()]
    if rows:
        insert = "INSERT INTO search_count (name, combination_id, value, n) VALUES ('due', :combination, :value, :n)"
        connection.execute(sa.text(insert), rows)
