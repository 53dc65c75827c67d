package cli

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/belfry-cron/belfry/internal/lint"
)

// sarifLog is a log in the form of SARIF 2.1.0, as far as findings need it:
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name  string      `json:"name"`
	Rules []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID                   lint.Code    `json:"id"`
	ShortDescription     sarifText    `json:"shortDescription"`
	DefaultConfiguration sarifDefault `json:"defaultConfiguration"`
}

type sarifDefault struct {
	Level lint.Severity `json:"level"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID    lint.Code       `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Level     lint.Severity   `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifLocation struct {
	PhysicalLocation sarifPlace `json:"physicalLocation"`
}

type sarifPlace struct {
	ArtifactLocation sarifArtifact `json:"artifactLocation"`
	Region           *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
	EndColumn   int `json:"endColumn,omitzero"`
}

// sarifOf writes findings as one run of belfry. Severities are SARIF's levels.
func sarifOf(answers []findingAnswer) sarifLog {
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "belfry"}},
		ColumnKind: "unicodeCodePoints", Results: []sarifResult{},
	}
	index := map[lint.Code]int{}
	for i, l := range lint.Lints() {
		index[l.Code] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: l.Code, ShortDescription: sarifText{l.Title}, DefaultConfiguration: sarifDefault{l.Severity},
		})
	}
	for _, a := range answers {
		message := a.Message
		if a.Field != "" {
			message = a.Field + ": " + message
		}
		if a.Hint != "" {
			message += " (" + a.Hint + ")"
		}
		place := sarifPlace{ArtifactLocation: sarifArtifact{uriOf(a.File)}}
		if a.Line > 0 {
			place.Region = &sarifRegion{StartLine: a.Line, StartColumn: a.Column}
			if a.EndColumn > a.Column {
				place.Region.EndColumn = a.EndColumn
			}
		}
		run.Results = append(run.Results, sarifResult{
			RuleID: a.Code, RuleIndex: index[a.Code], Level: a.Severity,
			Message: sarifText{message}, Locations: []sarifLocation{{place}},
		})
	}
	return sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	}
}

// uriOf is a file's name as a URI, relative if the name is.
func uriOf(name string) string {
	path := filepath.ToSlash(name)
	if filepath.IsAbs(name) {
		return (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(path, "/")}).String()
	}
	return (&url.URL{Path: path}).String()
}
