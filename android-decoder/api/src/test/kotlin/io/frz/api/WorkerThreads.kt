package io.frz.api

import org.objectweb.asm.AnnotationVisitor
import org.objectweb.asm.ClassReader
import org.objectweb.asm.ClassVisitor
import org.objectweb.asm.MethodVisitor
import org.objectweb.asm.Opcodes

/** Finds the functions of a class file that block on input or output but are not annotated with `@WorkerThread`. */
internal class WorkerThreads(private val bytes: ByteArray) {
    /**
     * Returns the public functions that declare an `IOException` and lack the annotation. Functions that close
     * something, and functions that suspend instead of blocking, do not need it.
     */
    fun missing(): List<String> {
        val found = ArrayList<String>()
        val reader = ClassReader(bytes)
        val isOpen = reader.access and Opcodes.ACC_PUBLIC != 0 && "/internal/" !in reader.className
        if (isOpen) reader.accept(Functions(reader.className, found), ClassReader.SKIP_CODE)
        return found
    }

    private class Functions(private val owner: String, private val found: MutableList<String>) :
        ClassVisitor(Opcodes.ASM9) {
        override fun visitMethod(
            access: Int,
            name: String,
            descriptor: String,
            signature: String?,
            exceptions: Array<out String>?
        ): MethodVisitor? {
            val isBlocking = exceptions.orEmpty().contains("java/io/IOException") && CONTINUATION !in descriptor
            // Kotlin marks the names of internal functions with a dollar sign.
            val isCallable = access and Opcodes.ACC_PUBLIC != 0 && '$' !in name
            if (!isBlocking || !isCallable || name == "close") return null
            return Annotations { found.add("$owner.$name$descriptor") }
        }
    }

    /** Calls [missing] at the end of a method without the annotation. */
    private class Annotations(private val missing: () -> Unit) : MethodVisitor(Opcodes.ASM9) {
        private var isAnnotated = false

        override fun visitAnnotation(descriptor: String, visible: Boolean): AnnotationVisitor? {
            if (descriptor == "Landroidx/annotation/WorkerThread;") isAnnotated = true
            return null
        }

        override fun visitEnd() {
            if (!isAnnotated) missing()
        }
    }

    private companion object {
        const val CONTINUATION = "Lkotlin/coroutines/Continuation;"
    }
}
