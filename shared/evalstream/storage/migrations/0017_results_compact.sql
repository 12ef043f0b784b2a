-- A batch of results in one file, and not in one or two for each of 90 columns: creating files takes longer than writing
-- what is in them. Larger parts, which merging makes, have columns in files of their own.
ALTER TABLE results MODIFY SETTING min_bytes_for_wide_part = 67108864
