package io.frz.template

import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzPart
import java.io.File

/** The base class of tests that fill the synthetic template. */
abstract class OnSynthetic {
    protected val template: ByteArray = bytes("synthetic.frt")
    protected val weights: ByteArray = bytes("synthetic.frz")

    protected fun bytes(name: String): ByteArray = File("src/test/resources/$name").readBytes()

    protected fun fill(template: ByteArray, weights: ByteArray, options: FrzLoadOptions = FrzLoadOptions.DEFAULT) =
        FrzTemplate.loader(FrzPart.of(template), FrzPart.of(weights)).load(options)
}
