package schedule

func recognise(_ string, _ []token, _ Options) error { return nil }
