"""What platforms sent to us by webhook and what staff entered by hand"""

import sqlalchemy as sa
from alembic import op

from careercenter import db

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'arrival',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('board_id', sa.Integer(), nullable=False),
        sa.Column('event_id', sa.String(length=200), nullable=False),
        sa.Column('type', sa.String(length=80), nullable=False),
        sa.Column('post_id', sa.String(length=200), nullable=False),
        sa.Column('occurred_at', db.UTCDateTime(timezone=True), nullable=False),
        sa.Column('arrived_at', db.UTCDateTime(timezone=True), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('run_id', sa.Integer(), nullable=True),
        sa.Column('body', sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(['board_id'], ['board.id'], name=op.f('fk_arrival_board_id_board')),
        sa.ForeignKeyConstraint(['run_id'], ['sync_run.id'], name=op.f('fk_arrival_run_id_sync_run')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_arrival')),
        sa.UniqueConstraint('board_id', 'event_id', name=op.f('uq_arrival_board_id_event_id')),
    )
    op.create_index('ix_arrival_post', 'arrival', ['board_id', 'post_id'])
    waiting = sa.text("state = 'waiting'")
    op.create_index('ix_arrival_waiting', 'arrival', ['board_id'], sqlite_where=waiting, postgresql_where=waiting)


def downgrade() -> None:
    op.drop_table('arrival')
