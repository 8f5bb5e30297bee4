-- What a team says of the names of instrumentations: the layer of each.
-- Grain: one row per name and service.
-- Reads: layers
SELECT scope, service, layer, edited_at
FROM layers FINAL
WHERE layer != ''
ORDER BY scope, service
