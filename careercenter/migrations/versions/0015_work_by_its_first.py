"""The same work is called by the first of its listings; the table that held nothing but such numbers goes

A listing is made as work of its own, and a first read paid for a row, a number and a foreign key more with each.
"""

import sqlalchemy as sa
from alembic import op

from careercenter.db import UTCDateTime

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

FORMER = sa.text('''
    CREATE TEMPORARY TABLE former AS SELECT coalesce(p.home_id, l.opportunity_id) AS home_id, min(l.id) AS listing_id
    FROM listing l LEFT JOIN work_profile p ON p.listing_id = l.id GROUP BY coalesce(p.home_id, l.opportunity_id)
''')
FIRST = sa.text('CREATE TEMPORARY TABLE first AS SELECT opportunity_id, min(id) AS listing_id FROM listing GROUP BY opportunity_id')


def upgrade() -> None:
    for made in (FORMER, FIRST):
        op.execute(made)
    op.execute('CREATE INDEX ix_former ON former (home_id)')
    op.execute('CREATE INDEX ix_first ON first (opportunity_id)')
    with op.batch_alter_table('listing') as listing:
        listing.drop_constraint('fk_listing_opportunity_id_opportunity', type_='foreignkey')
    with op.batch_alter_table('work_profile') as profile:
        profile.drop_constraint('fk_work_profile_home_id_opportunity', type_='foreignkey')
        profile.drop_column('home_id')
    op.drop_table('opportunity')
    first = '(SELECT f.listing_id FROM first f WHERE f.opportunity_id = listing.opportunity_id)'
    op.execute(f'UPDATE listing SET opportunity_id = {first} WHERE opportunity_id <> {first}')
    for end in ('from_id', 'to_id'):
        op.execute(
            f'UPDATE work_move SET {end} = coalesce((SELECT f.listing_id FROM former f WHERE f.home_id = work_move.{end}), {end})'
        )
    op.execute('DROP TABLE former')
    op.execute('DROP TABLE first')
    with op.batch_alter_table('listing') as listing:
        listing.create_check_constraint('called_by_its_first', 'opportunity_id <= id')


def downgrade() -> None:
    op.create_table(
        'opportunity',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('created_at', UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_opportunity')),
    )
    op.execute('INSERT INTO opportunity (id, created_at) SELECT id, first_seen_at FROM listing')
    if op.get_bind().dialect.name == 'postgresql':
        op.execute("SELECT setval('opportunity_id_seq', coalesce((SELECT max(id) FROM opportunity), 0) + 1, false)")
    with op.batch_alter_table('work_profile') as profile:
        profile.add_column(sa.Column('home_id', sa.Integer(), nullable=True))
    op.execute('UPDATE work_profile SET home_id = listing_id')
    with op.batch_alter_table('work_profile') as profile:
        profile.alter_column('home_id', nullable=False)
        profile.create_foreign_key('fk_work_profile_home_id_opportunity', 'opportunity', ['home_id'], ['id'])
    with op.batch_alter_table('listing') as listing:
        listing.drop_constraint(op.f('ck_listing_called_by_its_first'), type_='check')
        listing.create_foreign_key('fk_listing_opportunity_id_opportunity', 'opportunity', ['opportunity_id'], ['id'])
