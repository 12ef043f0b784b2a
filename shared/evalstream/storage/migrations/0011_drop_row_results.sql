-- Of older tables alone.
-- However large: everything in it is copied by now, or is made anew from the events.
DROP TABLE IF EXISTS row_results SYNC SETTINGS max_table_size_to_drop = 0
