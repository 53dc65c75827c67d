package main

import (
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// board is a dashboard: its panels stand in rows, in this order.
type board struct {
	uid, title string
	panels     []panel
}

// panel shows one query.
type panel struct {
	title, unit, query, legend, says string
	// now shows the latest value instead of a curve.
	now bool
	// zookeeper: only a cluster with ZooKeeper has data. kraft: only one without.
	zookeeper, kraft bool
}

// The size of panels on Grafana's grid, which is 24 wide.
const (
	gridWidth                 = 24
	curveWidth, curveHeight   = 8, 8
	numberWidth, numberHeight = 4, 4
)

// source is the data source that provisioning gives this ID.
func source() common.DataSourceRef {
	kind, uid := "prometheus", "belfry-prometheus"
	return common.DataSourceRef{Type: &kind, Uid: &uid}
}

func (b board) json() ([]byte, error) {
	d := dashboard.NewDashboardBuilder(b.title).Uid(b.uid).Tags([]string{"belfry"}).
		Time("now-1h", "now").Refresh("10s").Timezone("browser").Tooltip(dashboard.DashboardCursorSyncCrosshair)
	var x, y, height uint32
	for i, p := range b.panels {
		w, h := uint32(curveWidth), uint32(curveHeight)
		if p.now {
			w, h = numberWidth, numberHeight
		}
		if x+w > gridWidth || i > 0 && b.panels[i-1].now != p.now {
			x, y = 0, y+height
		}
		height = h
		at := dashboard.GridPos{X: x, Y: y, W: w, H: h}
		x += w
		query := prometheus.NewDataqueryBuilder().Expr(p.query).LegendFormat(p.legend).RefId("A").Datasource(source())
		if p.now {
			d.WithPanel(stat.NewPanelBuilder().Id(uint32(i + 1)).Title(p.title).Description(p.says).Unit(p.unit).
				Datasource(source()).GridPos(at).WithTarget(query.Instant()))
			continue
		}
		d.WithPanel(timeseries.NewPanelBuilder().Id(uint32(i + 1)).Title(p.title).Description(p.says).Unit(p.unit).
			Datasource(source()).GridPos(at).AxisSoftMin(0).WithTarget(query.Range().Exemplar(true)))
	}
	made, err := d.Build()
	if err != nil {
		return nil, fmt.Errorf("dashboard %s: %w", b.title, err)
	}
	text, err := json.Marshal(made)
	if err != nil {
		return nil, err
	}
	return indented(text)
}
