"""By which figures listings were grouped"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'work_figures',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('word', sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_work_figures')),
    )


def downgrade() -> None:
    op.drop_table('work_figures')
