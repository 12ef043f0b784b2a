-- The same of results: see 0018_events_merged_rarely.sql.
ALTER TABLE results MODIFY SETTING merge_selector_base = 10
