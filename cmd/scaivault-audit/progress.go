package main

import (
	"io"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows on a terminal how far something is. What is written to it
// goes to standard error, above the bar.
type progress struct {
	io.Writer
	container *mpb.Progress
	bar       *mpb.Bar
}

// newProgress shows how much of an input is stored, in bytes. Without a size
// it counts only.
func newProgress(p *process, size int64) *progress {
	if size == 0 {
		return show(p, 0, mpb.PrependDecorators(decor.Name("ingest "), decor.CurrentKibiByte("% .1f")))
	}
	return show(p, size,
		mpb.PrependDecorators(decor.Name("ingest "), decor.CountersKibiByte("% .1f of % .1f")), remaining())
}

// newCount shows how many of n are done.
func newCount(p *process, name string, n int) *progress {
	return show(p, int64(n),
		mpb.PrependDecorators(decor.Name(name+" "), decor.CountersNoUnit("%d of %d")), remaining())
}

func remaining() mpb.BarOption {
	return mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_GO))
}

// show shows a bar if there is a terminal to show it on.
func show(p *process, size int64, options ...mpb.BarOption) *progress {
	if !p.interactive {
		return &progress{Writer: p.stderr}
	}
	container := mpb.NewWithContext(p.ctx, mpb.WithOutput(p.stderr), mpb.WithAutoRefresh())
	return &progress{Writer: container, container: container, bar: container.AddBar(size, options...)}
}

// reach says that what is shown is done up to there.
func (b *progress) reach(offset int64) {
	if b.bar != nil {
		b.bar.SetCurrent(offset)
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
	if b.bar != nil {
		b.bar.Abort(false)
		b.container.Wait()
	}
}
