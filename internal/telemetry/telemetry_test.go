package telemetry

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel"
)

func TestIsConfigured(t *testing.T) {
	for name, tc := range map[string]struct {
		env  map[string]string
		want bool
	}{
		"nothing":         {nil, false},
		"an endpoint":     {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, true},
		"an exporter":     {map[string]string{"OTEL_TRACES_EXPORTER": "console"}, true},
		"no exporter":     {map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, false},
		"switched off":    {map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "console"}, false},
		"only a name":     {map[string]string{"OTEL_SERVICE_NAME": "lectern"}, false},
		"traces endpoint": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
				t.Setenv(variable, tc.env[variable])
			}
			if got := IsConfigured(); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestStart(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	before := otel.GetTracerProvider()
	shutdown, err := Start(t.Context(), "lectern-test")
	if err != nil || shutdown(t.Context()) != nil || otel.GetTracerProvider() != before {
		t.Errorf("without the environment something was started: %v", err)
	}
	t.Setenv("OTEL_TRACES_EXPORTER", "nonsense")
	if _, err := Start(t.Context(), "lectern-test"); err == nil {
		t.Error("an exporter nobody knows was taken")
	}
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	shutdown, err = Start(t.Context(), "lectern-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	_, span := otel.Tracer("test").Start(t.Context(), "one")
	if !span.IsRecording() {
		t.Error("no span is recorded")
	}
	// Nothing is sent: the span has not ended, and the collector is not there.
	if err := shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}
