"""Who and what the houses of the bench are filled with."""

PEOPLE = (
    """
    WITH made AS (
        INSERT INTO organisation_nodes (kind, code, name, parent_id, parent_kind, created_at)
        SELECT 'plant', 'P', 'P', id, 'group', now() FROM organisation_nodes WHERE parent_id IS NULL
        RETURNING id, parent_id
    ), closed AS (
        INSERT INTO organisation_closure (ancestor_id, descendant_id, depth)
        SELECT id, id, 0 FROM made UNION ALL SELECT parent_id, id, 1 FROM made
    )
    INSERT INTO organisation_placements (node_id, parent_id, from_at, placed_by)
    SELECT id, parent_id, now(), 'bench' FROM made
    """,
    """
    INSERT INTO outlets (code, name, name_initials, plant_id, status, created_at, updated_at)
    SELECT 'B' || n, 'shop ' || n, 'shop' || n, p.id, 'open', now(), now()
      FROM organisation_nodes p, generate_series(1, {members}) n WHERE p.code = 'P'
    """,
    """
    INSERT INTO members (openid, current_outlet_id, created_at)
    SELECT 'o' || n, n, now() FROM generate_series(1, {members}) n
    """,
    """
    INSERT INTO bindings (outlet_id, member_id, role, way, consent_version, consented_at, bound_at, idempotency_key,
                          input_hash)
    SELECT n, n, 'owner', 'offer', 'bench', now(), now(), 'bench', '' FROM generate_series(1, {members}) n
    """,
    """
    WITH set_aside AS (
        INSERT INTO allotments (purpose, units_total, units_free) VALUES ('reward:1', 10000000, 10000000) RETURNING id
    )
    INSERT INTO rewards (type, name, description, terms, cost_points, cost_fen, allotment_id, outlet_max, plants,
                         value_classes, tags, from_at, until_at, days_valid, state, made_by, made_at)
    SELECT 'coupon', 'bench', '', '{{"off_fen": 100, "minimum_fen": 0}}', 5, 100, id, 1000, '{{}}', '{{}}', '{{}}',
           now(), now() + interval '1 year', 30, 'live', 'bench', now()
      FROM set_aside
    """,
    """
    WITH hired AS (
        INSERT INTO staff (code, login, name, source, created_at, password_is_temporary)
        VALUES ('bench', 'bench', 'bench', 'bench', now(), false) RETURNING id
    ), granted AS (
        INSERT INTO staff_grants (staff_id, role, node_id, from_at, granted_by)
        SELECT h.id, 'admin', n.id, now(), 'bench' FROM hired h, organisation_nodes n WHERE n.parent_id IS NULL
    )
    INSERT INTO staff_sessions (token_hash, staff_id, created_at, seen_at, expires_at, address, device)
    SELECT sha256('{staff_token}'), id, now(), now(), now() + interval '12 hours', '127.0.0.1', 'bench' FROM hired
    """,
    """
    WITH made AS (
        INSERT INTO products (code, name, name_initials, brand, flavour, pack, category, units_per_case, barcode,
                              created_at, updated_at)
        SELECT 'S' || n, '清泉气泡水 口味' || n, 'qqqpskw' || n, '清泉', '口味' || n, '480ml×15', '品类' || n % 20, 15,
               (6900000000000 + n)::text, now(), now()
          FROM generate_series(1, 3000) n
        RETURNING id
    ), listed AS (
        INSERT INTO price_lists (code, plant_id, created_at)
        SELECT 'P', id, now() FROM organisation_nodes WHERE code = 'P' RETURNING id
    ), offered AS (
        INSERT INTO assortments (code, plant_id, created_at)
        SELECT 'P', id, now() FROM organisation_nodes WHERE code = 'P' RETURNING id
    ), priced AS (
        INSERT INTO prices (price_list_id, product_id, price_fen, from_on)
        SELECT l.id, m.id, 4800, '2020-01-01' FROM listed l, made m
    )
    INSERT INTO assortment_products (assortment_id, product_id, place)
    SELECT o.id, m.id, row_number() OVER (ORDER BY m.id) FROM offered o, made m
    """,
)
"""Statements that make an empty database one with so many members, each the owner of an outlet of the same number.

All outlets are of one plant, which offers 3,000 products.
"""
