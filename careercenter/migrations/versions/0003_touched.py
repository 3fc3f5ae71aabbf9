"""Which listings changed since grouping and search last looked, and whether students see a listing or its twin"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'listing_touched', sa.Column('listing_id', sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint('listing_id', name=op.f('pk_listing_touched')),
    )
    op.execute("INSERT INTO listing_touched (listing_id) SELECT id FROM listing")
    op.add_column('listing', sa.Column('shown', sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    op.drop_column('listing', 'shown')
    op.drop_table('listing_touched')
