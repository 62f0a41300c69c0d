-- How many incidents, but for those that another explains, were opened in the time compared with.
SELECT count(*) FROM incidents WHERE opened_at >= $before_start AND opened_at < $before_end AND parent = ''
