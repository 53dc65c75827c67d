// Package tail owns the reading of all topics into history, once per server,
// and tells listeners what changed.
package tail
