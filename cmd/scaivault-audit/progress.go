package main

import (
	"io"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows on a terminal how far something is. What is written to it goes
// to standard error, above the bar.
type progress struct {
	io.Writer
	container *mpb.Progress
	bar       *mpb.Bar
}

// unit is what a progress counts.
type unit struct{ of, alone decor.Decorator }

func bytesUnit() unit {
	return unit{decor.CountersKibiByte("% .1f of % .1f"), decor.CurrentKibiByte("% .1f")}
}

func eventsUnit() unit { return countUnit("events") }

func countUnit(noun string) unit {
	return unit{decor.CountersNoUnit("%d of %d " + noun), decor.CurrentNoUnit("%d " + noun)}
}

// newProgress shows a bar if there is a terminal to show it on. Without a total
// it counts only.
func newProgress(p *process, name string, total int64, u unit) *progress {
	if !p.interactive {
		return &progress{Writer: p.stderr}
	}
	container := mpb.NewWithContext(p.ctx, mpb.WithOutput(p.stderr), mpb.WithAutoRefresh())
	options := []mpb.BarOption{
		mpb.PrependDecorators(decor.Name(name+" "), u.of),
		mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO)),
	}
	if total == 0 {
		options = []mpb.BarOption{mpb.PrependDecorators(decor.Name(name+" "), u.alone)}
	}
	return &progress{Writer: container, container: container, bar: container.AddBar(total, options...)}
}

// reach says how far it is.
func (b *progress) reach(n int64) {
	if b.bar != nil {
		b.bar.SetCurrent(n)
	}
}

// add says that n more are done. It may be called concurrently.
func (b *progress) add(n int) {
	if b.bar != nil {
		b.bar.IncrBy(n)
	}
}

// end leaves the bar as it stands and the terminal to others.
func (b *progress) end() {
	if b != nil && b.bar != nil {
		b.bar.Abort(false)
		b.container.Wait()
	}
}
