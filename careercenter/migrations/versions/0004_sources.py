"""Sources entered by form, and closings that wait for a person"""

import sqlalchemy as sa
from alembic import op

from careercenter import db

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    _held()
    _sources()


def _held() -> None:
    op.create_table(
        'held_closing',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('board_id', sa.Integer(), nullable=False),
        sa.Column('run_id', sa.Integer(), nullable=False),
        sa.Column('found_at', db.UTCDateTime(timezone=True), nullable=False),
        sa.Column('seen_at', db.UTCDateTime(timezone=True), nullable=False),
        sa.Column('runs', sa.Integer(), nullable=False),
        sa.Column('guard', sa.String(length=8), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('size', sa.Integer(), nullable=True),
        sa.Column('usual', sa.Integer(), nullable=True),
        sa.Column('active', sa.Integer(), nullable=False),
        sa.Column('state', sa.String(length=10), nullable=False),
        sa.Column('decided_at', db.UTCDateTime(timezone=True), nullable=True),
        sa.Column('decided_by_id', sa.Integer(), nullable=True),
        sa.Column('decided_by', sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(['board_id'], ['board.id'], name=op.f('fk_held_closing_board_id_board')),
        sa.ForeignKeyConstraint(['decided_by_id'], ['person.id'], name=op.f('fk_held_closing_decided_by_id_person')),
        sa.ForeignKeyConstraint(['run_id'], ['sync_run.id'], name=op.f('fk_held_closing_run_id_sync_run')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_held_closing')),
    )
    op.create_index(op.f('ix_held_closing_board_id'), 'held_closing', ['board_id'])
    op.create_index(
        'uq_held_closing_asked', 'held_closing', ['board_id'], unique=True,
        sqlite_where=sa.text("state = 'asked'"), postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_table(
        'held_listing',
        sa.Column('hold_id', sa.Integer(), nullable=False),
        sa.Column('listing_id', sa.Integer(), nullable=False),
        sa.Column('since', db.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['hold_id'], ['held_closing.id'], name=op.f('fk_held_listing_hold_id_held_closing')),
        sa.ForeignKeyConstraint(['listing_id'], ['listing.id'], name=op.f('fk_held_listing_listing_id_listing')),
        sa.PrimaryKeyConstraint('hold_id', 'listing_id', name=op.f('pk_held_listing')),
    )
    op.create_index(op.f('ix_held_listing_listing_id'), 'held_listing', ['listing_id'])


def _sources() -> None:
    op.create_table(
        'stored_source',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('platform', sa.String(length=40), nullable=False),
        sa.Column('label', sa.String(length=80), nullable=False),
        sa.Column('boards', sa.JSON(), nullable=False),
        sa.Column('every_minutes', sa.Integer(), nullable=False),
        sa.Column('options', sa.JSON(), nullable=False),
        sa.Column('sealed', sa.Text(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', db.UTCDateTime(timezone=True), nullable=False),
        sa.Column('changed_at', db.UTCDateTime(timezone=True), nullable=False),
        sa.Column('changed_by_id', sa.Integer(), nullable=True),
        sa.Column('enabled_at', db.UTCDateTime(timezone=True), nullable=True),
        sa.Column('terms', sa.JSON(), nullable=True),
        sa.Column('checked', sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(['changed_by_id'], ['person.id'], name=op.f('fk_stored_source_changed_by_id_person')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_stored_source')),
    )


def downgrade() -> None:
    op.drop_table('stored_source')
    op.drop_table('held_listing')
    op.drop_table('held_closing')
