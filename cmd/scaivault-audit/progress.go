package main

import (
	"io"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows on a terminal how far an input is stored. What is written to
// it goes to standard error, above the bar.
type progress struct {
	io.Writer
	container *mpb.Progress
	bar       *mpb.Bar
}

// newProgress shows a bar if there is a terminal to show it on. Without a size
// it counts only.
func newProgress(p *process, size int64) *progress {
	if !p.interactive {
		return &progress{Writer: p.stderr}
	}
	container := mpb.NewWithContext(p.ctx, mpb.WithOutput(p.stderr), mpb.WithAutoRefresh())
	options := []mpb.BarOption{
		mpb.PrependDecorators(decor.Name("ingest "), decor.CountersKibiByte("% .1f of % .1f")),
		mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO)),
	}
	if size == 0 {
		options = []mpb.BarOption{mpb.PrependDecorators(decor.Name("ingest "), decor.CurrentKibiByte("% .1f"))}
	}
	return &progress{Writer: container, container: container, bar: container.AddBar(size, options...)}
}

// reach says that the input is stored up to a byte.
func (b *progress) reach(offset int64) {
	if b.bar != nil {
		b.bar.SetCurrent(offset)
	}
}

// end leaves the bar as it stands and the terminal to others.
func (b *progress) end() {
	if b.bar != nil {
		b.bar.Abort(false)
		b.container.Wait()
	}
}
