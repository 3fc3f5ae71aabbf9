"""How often events that platforms pushed were refused, and why"""

import sqlalchemy as sa
from alembic import op

from careercenter import db

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'refused_event',
        sa.Column('platform', sa.String(length=40), nullable=False),
        sa.Column('board', sa.String(length=120), nullable=False),
        sa.Column('reason', sa.String(length=20), nullable=False),
        sa.Column('day', sa.Date(), nullable=False),
        sa.Column('times', sa.Integer(), nullable=False),
        sa.Column('largest', sa.Integer(), nullable=False),
        sa.Column('last_at', db.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('platform', 'board', 'reason', 'day', name=op.f('pk_refused_event')),
    )


def downgrade() -> None:
    op.drop_table('refused_event')
