package io.frz.onnxruntime

/**
 * Thrown by [FrzSession.run] if the network cannot run on inputs of the given lengths, or if elements of an input are
 * not valid indices.
 *
 * @property rule what the lengths or elements must satisfy, as a Python expression such as `x.shape[2] % 32 == 0` or
 *   `0 <= tokens < 1000`
 * @property shapes the shapes of the inputs concerned, by name
 */
public class FrzLengthException internal constructor(
    public val rule: String,
    public val shapes: Map<String, List<Long>>,
    cause: Throwable
) : IllegalArgumentException(
    "${shapes.entries.joinToString { "${it.key} has shape ${it.value}" }}, but this model requires $rule",
    cause
)
