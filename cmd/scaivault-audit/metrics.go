package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/api"
)

const (
	// metricsPrefix begins the names of all metrics that are not of Go's runtime or
	// of the process.
	metricsPrefix = "scaivault_audit_"
	// metricsTime is how long the figures of one scrape may take to gather.
	metricsTime = 5 * time.Second
)

// meters are figures for Prometheus (contract §9), on a listener of their own,
// since whoever may scrape them has no token.
type meters struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

// newMeters returns the meters of a server, which has its parts but no routes.
func newMeters(s *server) *meters {
	m := &meters{registry: prometheus.NewRegistry(), requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: metricsPrefix + "http_request_duration_seconds", Help: "Requests by method and status, streams left out.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, []string{"method", "code"})}
	version := prometheus.NewGauge(prometheus.GaugeOpts{Name: metricsPrefix + "build_info", Help: "1, with the version.",
		ConstLabels: prometheus.Labels{"version": build().Version, "go_version": build().GoVersion}})
	version.Set(1)
	m.registry.MustRegister(m.requests, version, healthFigures{s}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// measure returns the handler with its requests measured, if anybody scrapes them.
func (m *meters) measure(h http.Handler) http.Handler {
	if m == nil {
		return h
	}
	measured := promhttp.InstrumentHandlerDuration(m.requests, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if streams(r) {
			h.ServeHTTP(w, r)
			return
		}
		measured.ServeHTTP(w, r)
	})
}

// handler answers GET /metrics.
func (m *meters) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}

// streams reports whether a request asks for events as they come, which takes as
// long as somebody listens.
func streams(r *http.Request) bool {
	return r.URL.Path == "/v1/audit/stream" || r.URL.Path == "/ui/stream"
}

// scrapes is the listener of the metrics, which may be none.
type scrapes struct{ net.Listener }

// Close closes the listener, if there is one.
func (l scrapes) Close() error {
	if l.Listener == nil {
		return nil
	}
	return l.Listener.Close()
}

// listenMetrics opens the listener of the metrics, if the settings have one.
func (s *server) listenMetrics() (l scrapes, err error) {
	if s.config.Metrics == "" {
		return l, nil
	}
	if l.Listener, err = net.Listen("tcp", s.config.Metrics); err != nil {
		return l, fmt.Errorf("--metrics: %w", err)
	}
	s.logger.Info("answering /metrics", "address", l.Addr().String())
	if config := s.tlsConfig(); config != nil {
		l.Listener = tls.NewListener(l.Listener, config)
	}
	return l, nil
}

// serveMetrics answers GET /metrics until ctx ends.
func (s *server) serveMetrics(ctx context.Context, l scrapes) error {
	if l.Listener == nil {
		return nil
	}
	server := api.NewHTTPServer(s.meters.handler(), s.logger)
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}

// healthFigures collects what health says in figures, of all tenants together, and what
// is known of each sink, when it is asked.
type healthFigures struct{ *server }

// Describe names nothing: what there is to say depends on the settings.
func (healthFigures) Describe(chan<- *prometheus.Desc) {}

var checkOK = prometheus.NewDesc(metricsPrefix+"check_ok", "1 if a part of the server can do its work, else 0.",
	[]string{"check"}, nil)

// Collect implements [prometheus.Collector].
func (f healthFigures) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), metricsTime)
	defer cancel()
	for _, check := range f.checks() {
		list, err := check.Run(ctx, "")
		ok := 1.0
		if err != nil {
			ok = 0
		}
		to <- prometheus.MustNewConstMetric(checkOK, prometheus.GaugeValue, ok, check.Name)
		for name, figure := range list {
			if each, ok := figure.(map[string]any); ok { // of a witness, by its name
				for inner, figure := range each {
					collectFigure(to, check.Name, inner, figure, prometheus.Labels{"name": name})
				}
				continue
			}
			collectFigure(to, check.Name, name, figure, nil)
		}
	}
	for _, tenant := range f.store.Tenants() {
		for _, s := range f.sinks.List(ctx, tenant) {
			collectSink(to, tenant, &s)
		}
	}
}

// collectFigure passes on a figure of a check, if it is a number.
func collectFigure(to chan<- prometheus.Metric, check, name string, figure any, labels prometheus.Labels) {
	if value, ok := numberOf(figure); ok {
		desc := prometheus.NewDesc(metricsPrefix+check+"_"+name,
			"Of all tenants; "+name+" of "+check+" in /v1/health/detailed.", nil, labels)
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
}

// numberOf returns a figure as a number: of a list or a map how much is in it.
func numberOf(figure any) (float64, bool) {
	switch v := reflect.ValueOf(figure); {
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	case v.CanFloat():
		return v.Float(), true
	case v.Kind() == reflect.Slice, v.Kind() == reflect.Map:
		return float64(v.Len()), true
	default:
		return 0, false
	}
}

// sinkMetrics are what is said of each sink.
var sinkMetrics = []struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*audit.SinkStatus) float64
}{
	{sinkDesc("running", "1 if the sink delivers, 0 if it is paused or its last delivery failed."), prometheus.GaugeValue,
		func(s *audit.SinkStatus) float64 {
			if s.State == audit.SinkRunning {
				return 1
			}
			return 0
		}},
	{sinkDesc("lag_events", "Events of the log behind its place."), prometheus.GaugeValue,
		func(s *audit.SinkStatus) float64 { return float64(s.LagEvents) }},
	{sinkDesc("lag_seconds", "How long the first of them waits."), prometheus.GaugeValue,
		func(s *audit.SinkStatus) float64 { return s.LagSeconds }},
	{sinkDesc("delivered_total", "Events that the receiver acknowledged."), prometheus.CounterValue,
		func(s *audit.SinkStatus) float64 { return float64(s.Delivered) }},
	{sinkDesc("failures_total", "Deliveries that failed."), prometheus.CounterValue,
		func(s *audit.SinkStatus) float64 { return float64(s.Failures) }},
	{sinkDesc("set_aside", "Events that the receiver refused, each for itself."), prometheus.GaugeValue,
		func(s *audit.SinkStatus) float64 { return float64(s.SetAside) }},
	{sinkDesc("last_success_timestamp_seconds", "When the receiver last acknowledged something; 0 for never."),
		prometheus.GaugeValue, func(s *audit.SinkStatus) float64 {
			if s.LastSuccessAt == nil {
				return 0
			}
			return float64(*s.LastSuccessAt) / float64(audit.Second)
		}},
}

func sinkDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(metricsPrefix+"sink_"+name, help, []string{"tenant", "sink"}, nil)
}

func collectSink(to chan<- prometheus.Metric, tenant audit.TenantID, s *audit.SinkStatus) {
	for _, m := range sinkMetrics {
		to <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(s), string(tenant), string(s.Name))
	}
}
