package io.frz.onnxruntime.internal

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OnnxTensorLike
import ai.onnxruntime.OrtException
import io.frz.onnxruntime.FrzLengthException

/** Recognizes failures of a skeleton's checks of lengths; see `help(frformat.runtimes.onnxruntime)`. */
internal object Lengths {
    /** The name of a check that failed. */
    private val CHECK = Regex("Name:'frz: (.*?)'")

    /** The first axis whose length is fixed and that has another length. */
    private val FIXED = Regex(
        "Got invalid dimensions for input: (\\S+) for the following indices\\s+index: (\\d+) .*Expected: (\\d+)"
    )

    /** Returns the result of [run] on [inputs]. If a check of the skeleton fails, the exception states the rule. */
    fun <T> checked(inputs: Map<String, OnnxTensorLike>, run: () -> T): T = try {
        run()
    } catch (e: OrtException) {
        throw fault(e, inputs) ?: e
    }

    /** Returns the exception for a run on [inputs] that failed with [error], or null if it is not about lengths. */
    fun fault(error: OrtException, inputs: Map<String, OnnxTensorLike>): FrzLengthException? {
        val rule = rule(error.message.orEmpty()) ?: return null
        val shapes = inputs.mapNotNull { (name, value) -> shape(value)?.let { name to it } }.toMap()
        val named = shapes.filterKeys { Regex("\\b${Regex.escape(it)}\\.shape").containsMatchIn(rule) }
        return FrzLengthException(rule, named.ifEmpty { shapes }, error)
    }

    /** Returns the rule that ONNX Runtime's [message] is about, or null if it is about something else. */
    fun rule(message: String): String? {
        CHECK.find(message)?.let { return it.groupValues[1] }
        val (name, axis, length) = FIXED.find(message)?.destructured ?: return null
        return "$name.shape[$axis] == $length"
    }

    private fun shape(value: OnnxTensorLike): List<Long>? = (value as? OnnxTensor)?.info?.shape?.toList()
}
