// Package pagerduty stands in for PagerDuty's Events API v2: it takes and refuses
// what the real one does, keeps one incident a key, and can be told to answer 429,
// 500 or nothing. Everything else of PagerDuty is left out.
//
// It knows no test framework, so that the command in standin/ can use it too.
package pagerduty
