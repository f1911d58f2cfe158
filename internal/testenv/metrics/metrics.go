// Package metrics reads what programs export to Prometheus. It knows no metric.
package metrics

import (
	"context"
	"fmt"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Families are the metrics of a program at one time, by name.
type Families map[string]*dto.MetricFamily

// Read returns the metrics at a URL. It leaves no connection open.
func Read(ctx context.Context, url string) (Families, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("metrics at %s: %s", url, response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return nil, fmt.Errorf("metrics at %s: %w", url, err)
	}
	return families, nil
}

// Sum returns the sum of the series of a counter or gauge that have these labels, a name and its value in turns. Found says whether
// there is such a series.
func (f Families) Sum(name string, labels ...string) (sum float64, found bool) {
	for _, series := range f[name].GetMetric() {
		if hasLabels(series, labels) {
			sum += series.GetGauge().GetValue() + series.GetCounter().GetValue() + series.GetUntyped().GetValue()
			found = true
		}
	}
	return sum, found
}

func hasLabels(series *dto.Metric, labels []string) bool {
	values := map[string]string{}
	for _, label := range series.GetLabel() {
		values[label.GetName()] = label.GetValue()
	}
	for i := 0; i+1 < len(labels); i += 2 {
		if value, has := values[labels[i]]; !has || value != labels[i+1] {
			return false
		}
	}
	return true
}
