"""The long texts of a listing stand at the end of its row

SQLite reads a row from its beginning, through every page that it fills: what lists, searches and syncs look at had stood
behind the description. PostgreSQL keeps long texts elsewhere.
"""

from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

LAST = ('shown', 'description_html', 'words', 'draft')


def upgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        with op.batch_alter_table('listing', recreate='always', partial_reordering=[LAST]):
            """Nothing else changes."""


def downgrade() -> None:
    """An older program asks for columns by their names, wherever they stand."""
