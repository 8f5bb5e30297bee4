-- What the work of each subject of a kind cost: as services said it, and by the prices that the team has set, valid on
-- the day (UTC) on which an operation began. A model's own price goes before one for every model, and of several the
-- one set last counts. Tokens are priced by the million; of those that went in, the ones read from a cache go by their
-- own price where one is set. A request is paid for once it ended and was not cancelled. GPU time is the time that
-- operations took which finished and were not cancelled: an operation runs on one device.
-- An operation is priced where a price is valid for something it says of itself. Costs are added up in whole numbers,
-- of 1 / 3.6e15 of the currency, so no order of adding moves them; null means that nothing was said, or priced.
-- kind 'user' goes by the hash; operations that say no subject of the kind are one row with an empty one, so that the
-- rows of a currency add up to all. Read from the events, which are kept for 90 days as a rule.
-- Grain: one row per subject and currency; one with an empty currency where a subject has neither cost nor price.
-- Reads: operations_by_subject, prices, aliases
-- Read by: stats cost
WITH
    (
        SELECT tuple(groupArray(alias), groupArray(name))
        FROM aliases FINAL
        WHERE kind = 'model' AND name != ''
    ) AS called,

    -- in the order in which they count: the first that fits
    (
        SELECT
            arraySort(
                price -> (
                    tupleElement(price, 'whom') = '',
                    -toUnixTimestamp64Micro(tupleElement(price, 'told_at')),
                    -toInt32(tupleElement(price, 'begins')),
                    tupleElement(price, 'amount')
                ),
                groupArray(
                    CAST(
                        tuple(
                            if(has(called.1, p.model), called.2[indexOf(called.1, p.model)], p.model),
                            p.unit, p.valid_from, p.valid_until, p.amount_millionths, p.currency, p.set_at
                        ),
                        'Tuple(
                            whom String, pays_for String, begins Date, ends Date, amount UInt256, money String,
                            told_at DateTime64(6, \'UTC\')
                        )'
                    )
                )
            )
        FROM prices AS p FINAL
        WHERE NOT p.is_removed
    ) AS told,

    -- what is priced alike: one model, one day, and saying the same of itself
    alike AS (
        SELECT
            whose,
            model AS of_model,
            toDate(start, 'UTC') AS day,
            input_tokens > 0 AS says_input,
            cache_read_tokens > 0 AS says_cached,
            output_tokens > 0 AS says_output,
            operation = 'model.request' AND NOT is_unfinished AND outcome != 'cancelled' AS is_request,
            has_duration AS says_time,
            isNotNull(cost_millionths) AS says_cost,
            if(says_cost, cost_currency::String, '') AS said_in,
            count() AS n,
            sum(input_tokens) AS tokens_in,
            sum(least(cache_read_tokens, input_tokens)) AS tokens_of_input_cached,
            sum(cache_read_tokens) AS tokens_cached,
            sum(output_tokens) AS tokens_out,
            sumIf(assumeNotNull(duration_us), has_duration) AS busy_us,
            sum(coalesce(cost_millionths, 0)) AS said_millionths
        FROM operations_by_subject(
            kind = {kind:String},
            only = '',
            subject = '',
            operation = {operation:String},
            since = {since:DateTime64(6, 'UTC')},
            until = {until:DateTime64(6, 'UTC')},
            as_of = {as_of:DateTime64(6, 'UTC')},
            abandoned_after_seconds = {abandoned_after_seconds:Float64}
        )
        GROUP BY whose, of_model, day, says_input, says_cached, says_output, is_request, says_time, says_cost, said_in
    ),

    -- each with its prices: what for, in which currency, and how many 1 / 3.6e15 of it
    priced AS (
        SELECT
            *,
            if(
                of_model = '',
                [],
                arrayFilter(
                    price -> tupleElement(price, 'whom') IN ('', of_model)
                        AND tupleElement(price, 'begins') <= day
                        AND day < tupleElement(price, 'ends'),
                    told
                )
            ) AS valid,
            arrayFirst(price -> tupleElement(price, 'pays_for') = 'input_tokens', valid) AS for_input,
            arrayFirst(price -> tupleElement(price, 'pays_for') = 'cached_tokens', valid) AS for_cached,
            arrayFirst(price -> tupleElement(price, 'pays_for') = 'output_tokens', valid) AS for_output,
            arrayFirst(price -> tupleElement(price, 'pays_for') = 'request', valid) AS for_request,
            arrayFirst(price -> tupleElement(price, 'pays_for') = 'gpu_hour', valid) AS for_time,
            says_cached AND tupleElement(for_cached, 'money') != '' AS is_cache_priced,
            arrayFilter(
                item -> tupleElement(item, 2) != '',
                CAST(
                    [
                        (
                            'tokens',
                            if(says_input, tupleElement(for_input, 'money'), ''),
                            tupleElement(for_input, 'amount') * 3600
                                * (tokens_in - if(is_cache_priced, tokens_of_input_cached, 0))
                        ),
                        (
                            'tokens',
                            if(is_cache_priced, tupleElement(for_cached, 'money'), ''),
                            tupleElement(for_cached, 'amount') * 3600 * tokens_cached
                        ),
                        (
                            'tokens',
                            if(says_output, tupleElement(for_output, 'money'), ''),
                            tupleElement(for_output, 'amount') * 3600 * tokens_out
                        ),
                        (
                            'requests',
                            if(is_request, tupleElement(for_request, 'money'), ''),
                            tupleElement(for_request, 'amount') * 3600000000 * n
                        ),
                        (
                            'time',
                            if(says_time, tupleElement(for_time, 'money'), ''),
                            tupleElement(for_time, 'amount') * busy_us
                        )
                    ],
                    'Array(Tuple(String, String, UInt256))'
                )
            ) AS items,
            arrayDistinct(arrayConcat(items.2, if(says_cost OR empty(items), [said_in], []))) AS currencies
        FROM alike
    ),

    sums AS (
        SELECT
            whose,
            money,
            -- once, however many currencies there are
            sumIf(n, at = 1) AS n_once,
            sumIf(n, at = 1 AND empty(items)) AS unpriced_once,
            sumIf(busy_us, at = 1) AS busy_once_us,
            sumIf(n, says_cost AND said_in = money) AS n_with_cost,
            sumIf(said_millionths, says_cost AND said_in = money) AS said_here_millionths,
            sumIf(n, arrayExists(item -> item.2 = money, items)) AS n_with_price,
            countIf(arrayExists(item -> item.1 = 'tokens' AND item.2 = money, items)) AS of_tokens,
            countIf(arrayExists(item -> item.1 = 'requests' AND item.2 = money, items)) AS of_requests,
            countIf(arrayExists(item -> item.1 = 'time' AND item.2 = money, items)) AS of_time,
            sum(arrayReduce('sumIf', items.3, arrayMap(item -> item.1 = 'tokens' AND item.2 = money, items)))
                AS for_tokens,
            sum(arrayReduce('sumIf', items.3, arrayMap(item -> item.1 = 'requests' AND item.2 = money, items)))
                AS for_requests,
            sum(arrayReduce('sumIf', items.3, arrayMap(item -> item.1 = 'time' AND item.2 = money, items))) AS for_time
        FROM priced
        ARRAY JOIN currencies AS money, arrayEnumerate(currencies) AS at
        GROUP BY whose, money
    )

SELECT
    whose AS subject,
    money AS currency,
    sum(n_once) OVER (PARTITION BY whose) AS operations,
    n_with_cost AS reported,
    if(reported = 0, NULL, said_here_millionths / 1e6) AS cost_reported,
    n_with_price AS priced,
    sum(unpriced_once) OVER (PARTITION BY whose) AS unpriced,
    if(priced = 0, NULL, toFloat64(for_tokens + for_requests + for_time) / 3.6e15) AS cost_by_price,
    if(of_tokens = 0, NULL, toFloat64(for_tokens) / 3.6e15) AS cost_of_tokens,
    if(of_requests = 0, NULL, toFloat64(for_requests) / 3.6e15) AS cost_of_requests,
    if(of_time = 0, NULL, toFloat64(for_time) / 3.6e15) AS cost_of_gpu_time,
    sum(busy_once_us) OVER (PARTITION BY whose) / 3.6e9 AS busy_hours
FROM sums
QUALIFY currency != '' OR reported > 0 OR count() OVER (PARTITION BY whose) = 1
ORDER BY coalesce(cost_by_price, cost_reported, 0) DESC, operations DESC, subject, currency
