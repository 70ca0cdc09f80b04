package io.frz.pytorch.internal

import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import java.io.File
import org.pytorch.IValue
import org.pytorch.LiteModuleLoader
import org.pytorch.Module

/** Calls native code and converts its exceptions to [FrzLoadException]s. */
internal object Native {
    /** Loads the skeleton in [file], whose bytes have been verified. */
    fun start(file: File): Module = guarded({ failure ->
        FrzLoadException(
            Kind.SKELETON_UNSUPPORTED,
            "this version of PyTorch Mobile cannot run the skeleton; export it again with `frformat export`: " +
                reason(failure),
            failure
        )
    }) { LiteModuleLoader.load(file.path) }

    /**
     * Checks that [module] has weights with the names and shapes in [shapes], and that these are all of its weights,
     * unless [partial].
     */
    fun checkWeights(module: Module, shapes: Map<String, LongArray>, partial: Boolean) {
        val given = IValue.dictStringKeyFrom(shapes.mapValues { IValue.listFrom(*it.value) })
        guarded({ failure -> mismatch(failure) ?: unsupported(failure) }) {
            module.runMethod("check_weights", given, IValue.from(partial))
        }
    }

    /** Returns the names of the weights that [module] takes as coefficients, mapped to their forms. */
    fun coefficientsWanted(module: Module): Map<String, List<Long>> = guarded(::unsupported) {
        module.runMethod("coefficients_wanted").toDictStringKey().mapValues { it.value.toLongList().asList() }
    }

    /** Passes [weights] to [module], which copies them. */
    fun loadWeights(module: Module, weights: Map<String, IValue>) {
        guarded({ failure ->
            mismatch(failure)
                ?: FrzLoadException(Kind.RUNTIME_FAILED, "the runtime refused weights: " + reason(failure), failure)
        }) { module.runMethod("load_weights", IValue.dictStringKeyFrom(weights)) }
    }

    /** Returns the exception for a skeleton's own error about weights, or null if this is another [failure]. */
    private fun mismatch(failure: Throwable): FrzLoadException? =
        failure.message.orEmpty().lineSequence().firstOrNull { MISMATCH in it }?.let { line ->
            val advice = "; ship the skeleton and the .frz file of the same network"
            FrzLoadException(Kind.MISMATCH, line.substringAfter(MISMATCH).trim() + advice, failure)
        }

    private fun unsupported(failure: Throwable) = FrzLoadException(
        Kind.SKELETON_UNSUPPORTED,
        "the module takes no weights, or comes from an earlier release of frformat; " +
            "export a skeleton with `frformat export`: " + reason(failure),
        failure
    )

    private inline fun <T> guarded(translate: (Throwable) -> FrzLoadException, call: () -> T): T = try {
        call()
    } catch (e: LinkageError) {
        throw FrzLoadException(
            Kind.RUNTIME_MISSING,
            "this app lacks PyTorch Mobile, or its native libraries for this processor; " +
                "add org.pytorch:pytorch_android_lite and the native libraries of its ABI: " + reason(e),
            e
        )
    } catch (e: OutOfMemoryError) {
        throw FrzLoadException(Kind.RUNTIME_FAILED, "the runtime is out of memory: " + reason(e), e)
    } catch (@Suppress("TooGenericExceptionCaught") e: NullPointerException) {
        throw FrzLoadException(Kind.RUNTIME_FAILED, "the module has been destroyed; load it again", e)
    } catch (@Suppress("TooGenericExceptionCaught") e: RuntimeException) {
        // Native code throws several subclasses of RuntimeException.
        throw translate(e)
    }

    /** Returns the first line of the message of a native exception; the other lines contain memory addresses. */
    private fun reason(failure: Throwable) =
        failure.message.orEmpty().lineSequence().firstOrNull { it.isNotBlank() }?.trim() ?: failure.toString()

    /** The prefix of a skeleton's error messages about weights. */
    private const val MISMATCH = "frz:"
}
