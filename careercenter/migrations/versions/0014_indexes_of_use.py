"""Listings have an index for deadlines only where one is set, and none for requisition numbers, by which nothing is looked up

A first read pays for every index with every listing; most feeds state no deadline.
"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None

OPEN = sa.text("state = 'open'")
DATED = sa.text("state = 'open' AND deadline_at IS NOT NULL")


def upgrade() -> None:
    op.drop_index('ix_listing_requisition_id', 'listing')
    op.drop_index('ix_listing_deadline', 'listing')
    op.create_index('ix_listing_deadline', 'listing', ['deadline_at'], sqlite_where=DATED, postgresql_where=DATED)


def downgrade() -> None:
    op.drop_index('ix_listing_deadline', 'listing')
    op.create_index('ix_listing_deadline', 'listing', ['deadline_at'], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index('ix_listing_requisition_id', 'listing', ['requisition_id'])
