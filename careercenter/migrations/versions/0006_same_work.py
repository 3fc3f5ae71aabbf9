"""Which listings are the same work, and pairs that staff decide"""

import sqlalchemy as sa
from alembic import op

from careercenter.db import UTCDateTime

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'work_profile',
        sa.Column('listing_id', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('home_id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(length=400), nullable=False),
        sa.Column('platform', sa.String(length=40), nullable=False),
        sa.Column('company', sa.String(length=120), nullable=False),
        sa.Column('twin', sa.String(length=32), nullable=True),
        sa.Column('requisition', sa.String(length=360), nullable=True),
        sa.Column('address', sa.String(length=200), nullable=True),
        sa.Column('facts', sa.JSON(), nullable=False),
        sa.Column('digest', sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(['listing_id'], ['listing.id'], name=op.f('fk_work_profile_listing_id_listing')),
        sa.ForeignKeyConstraint(['home_id'], ['opportunity.id'], name=op.f('fk_work_profile_home_id_opportunity')),
        sa.PrimaryKeyConstraint('listing_id', name=op.f('pk_work_profile')),
    )
    op.create_index('ix_work_profile_company', 'work_profile', ['company', 'platform'])
    op.create_index(op.f('ix_work_profile_twin'), 'work_profile', ['twin'])
    op.create_index(op.f('ix_work_profile_requisition'), 'work_profile', ['requisition'])
    op.create_index(op.f('ix_work_profile_address'), 'work_profile', ['address'])
    op.create_table(
        'work_company',
        sa.Column('token', sa.String(length=60), nullable=False),
        sa.Column('company', sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint('token', 'company', name=op.f('pk_work_company')),
    )
    op.create_table(
        'work_pair',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('a_id', sa.Integer(), nullable=False),
        sa.Column('b_id', sa.Integer(), nullable=False),
        sa.Column('ground', sa.String(length=20), nullable=False),
        sa.Column('score', sa.Float(), nullable=False),
        sa.Column('evidence', sa.JSON(), nullable=False),
        sa.Column('state', sa.String(length=12), nullable=False),
        sa.Column('decision', sa.String(length=10), nullable=True),
        sa.Column('decided_at', UTCDateTime(timezone=True), nullable=True),
        sa.Column('decided_by_id', sa.Integer(), nullable=True),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['a_id'], ['listing.id'], name=op.f('fk_work_pair_a_id_listing')),
        sa.ForeignKeyConstraint(['b_id'], ['listing.id'], name=op.f('fk_work_pair_b_id_listing')),
        sa.ForeignKeyConstraint(['decided_by_id'], ['person.id'], name=op.f('fk_work_pair_decided_by_id_person')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_work_pair')),
        sa.UniqueConstraint('a_id', 'b_id', name=op.f('uq_work_pair_a_id_b_id')),
    )
    op.create_index(op.f('ix_work_pair_b_id'), 'work_pair', ['b_id'])
    waiting = sa.text("state = 'suggested' AND decision IS NULL")
    op.create_index('ix_work_pair_waiting', 'work_pair', ['score', 'id'], sqlite_where=waiting, postgresql_where=waiting)
    op.create_table(
        'work_move',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('listing_id', sa.Integer(), nullable=False),
        sa.Column('at', UTCDateTime(timezone=True), server_default=sa.text('CURRENT_TIMESTAMP'), nullable=False),
        sa.Column('from_id', sa.Integer(), nullable=False),
        sa.Column('to_id', sa.Integer(), nullable=False),
        sa.Column('evidence', sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(['listing_id'], ['listing.id'], name=op.f('fk_work_move_listing_id_listing')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_work_move')),
    )
    op.create_index(op.f('ix_work_move_listing_id'), 'work_move', ['listing_id'])
    op.execute('INSERT INTO listing_touched (listing_id) SELECT id FROM listing WHERE id NOT IN (SELECT listing_id FROM listing_touched)')


def downgrade() -> None:
    for table in ('work_move', 'work_pair', 'work_company', 'work_profile'):
        op.drop_table(table)
