-- Which deletions were made by retention: nothing had come of the run or data row since then. 1970: by somebody's request.
ALTER TABLE deletions ADD COLUMN IF NOT EXISTS older_than DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC')
