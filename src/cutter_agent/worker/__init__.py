"""Workers: processes that drive whatever run can go on, on one machine or on many."""
