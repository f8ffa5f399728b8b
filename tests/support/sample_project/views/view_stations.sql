-- The newest inventory row of each location, and the nearest city whose radius it lies in.
WITH newest AS (
    SELECT
        location_id, name, country, provider, license, latitude, longitude, timezone, is_monitor, last_at,
        row_number() OVER (PARTITION BY location_id ORDER BY retrieved_at DESC) AS newest_first
    FROM locations
),
distances AS (
    SELECT
        n.location_id, c.city, c.radius_km,
        -- On the scale of a city the earth is flat: 111.2 km to a degree.
        111.2e0 * sqrt(power(n.latitude - c.latitude, 2)
            + power((n.longitude - c.longitude) * cos(radians(c.latitude)), 2)) AS km
    FROM newest AS n
    CROSS JOIN cities AS c
    WHERE n.newest_first = 1
),
placed AS (
    SELECT
        location_id, city,
        -- Nearest by the size of the city: Thu Duc is in HCMC, though Bien Hoa's centre is closer.
        row_number() OVER (PARTITION BY location_id ORDER BY km / radius_km, city) AS nearest_first
    FROM distances
    WHERE km <= radius_km
)
SELECT
    n.location_id, n.name AS location, p.city, n.country, n.provider, n.license, n.latitude, n.longitude,
    n.timezone, n.is_monitor, n.last_at
FROM newest AS n
LEFT JOIN placed AS p ON p.location_id = n.location_id AND p.nearest_first = 1
WHERE n.newest_first = 1
