package store

// logFigures are figures of logs.
type logFigures struct {
	events   uint64 // durable ones
	unsealed uint64 // those of them that are in memory
	segments int
	bytes    int64 // of the segments
}

func (f *logFigures) add(l *tenantLog) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	end := l.end()
	f.events += end
	f.unsealed += end - l.tails[0].first
	f.segments += len(l.segments)
	for _, s := range l.segments {
		f.bytes += int64(len(s.b))
	}
}
