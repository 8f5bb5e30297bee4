-- Packs what is written to a table from now on with one codec, whatever its size.
ALTER TABLE {table:Identifier} MODIFY SETTING default_compression_codec = 'ZSTD(1)'
