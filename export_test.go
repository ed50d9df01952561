package audit

// QuickEvent is the quick reader alone; ok is false for what it leaves.
func QuickEvent(text string) (e Event, ok bool) {
	q := quick{text: text}
	ok = q.event(&e, MaxTime) && q.end()
	return e, ok
}

// StrictEvent is the strict reader alone.
func StrictEvent(text string) (Event, error) {
	if err := checkSyntax(text); err != nil {
		return Event{}, err
	}
	s := strict{text: text}
	return s.event(MaxTime)
}
