"""Mails that were given up are found among those about one thing: an advisor's home asks for them"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    dead = sa.text('dead_at IS NOT NULL')
    op.create_index('ix_outbox_message_dead', 'outbox_message', ['about_kind', 'about_id'], sqlite_where=dead, postgresql_where=dead)


def downgrade() -> None:
    op.drop_index('ix_outbox_message_dead', 'outbox_message')
