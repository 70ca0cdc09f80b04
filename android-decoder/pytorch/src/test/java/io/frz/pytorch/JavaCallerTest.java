package io.frz.pytorch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import android.content.Context;
import android.content.res.AssetManager;
import io.frz.FrzException;
import io.frz.loading.FrzCallback;
import io.frz.loading.FrzLoadException;
import io.frz.loading.FrzLoadOptions;
import io.frz.loading.FrzLoading;
import io.frz.loading.FrzPart;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pytorch.Module;

/** Calls the API from Java. */
class JavaCallerTest extends OnRuntime {
    /** The code of a Java app, which is only compiled, because this JVM has no Android context. */
    @SuppressWarnings("unused")
    static void inAnApp(Context context, AssetManager assets, FrzCallback<Module> callback) throws IOException {
        Module module = FrzModule.loader(context, "model.ptl", "model.frz").load();
        FrzPart weights = FrzPart.asset(assets, "model.frz");
        FrzModule.loaderOf(FrzPart.asset(assets, "model.ptl"), weights, context.getCacheDir()).load().destroy();
        FrzModule.loader(context, "model.ptl", "model.frz").load(FrzLoadOptions.DEFAULT).destroy();
        FrzLoading loading = FrzModule.loader(context, "model.ptl", "model.frz").loadAsync(callback);
        loading.cancel();
        FrzModule.loadWeights(module, FrzPart.asset(context, "better.frz"));
        FrzModule.loadWeights(module, FrzPart.asset(assets, "better.frz"), FrzLoadOptions.DEFAULT);
    }

    @Test
    void loadsEveryPart(@TempDir Path folder) throws IOException {
        FrzPart weights = FrzPart.of(OnRuntime.Companion.resource("tiny.frz"));
        byte[] bytes = java.nio.file.Files.readAllBytes(OnRuntime.Companion.resource("tiny.ptl").toPath());
        FrzPart[] skeletons = {
            FrzPart.of(bytes), FrzPart.of(ByteBuffer.wrap(bytes)), FrzPart.of(new ByteArrayInputStream(bytes))
        };
        for (FrzPart skeleton : skeletons) {
            Module module = FrzModule.loaderOf(skeleton, weights, folder.toFile()).load();
            assertArrayEquals(OnRuntime.Companion.getExpected(), OnRuntime.Companion.outputOf(module), 2e-4f);
            module.destroy();
        }
    }

    @Test
    void options() {
        Executor executor = Executors.newCachedThreadPool();
        FrzLoadOptions options = FrzLoadOptions.builder()
                .threads(2)
                .memoryBudget(1L << 30)
                .tier(1)
                .verify(true)
                .progress((done, total) -> {})
                .background(executor)
                .callbacks(executor)
                .build();
        FrzLoadOptions same = options.newBuilder().build();
        assertEquals(2, same.getThreads());
        assertEquals(Long.valueOf(1L << 30), same.getMemoryBudget());
        assertEquals(Integer.valueOf(1), same.getTier());
        assertTrue(same.getVerify());
        assertEquals(executor, same.getBackground());
        assertEquals(executor, same.getCallbacks());
        assertNull(FrzLoadOptions.DEFAULT.getProgress());
        assertThrows(IllegalArgumentException.class, () -> FrzLoadOptions.builder().threads(0));
        assertThrows(IllegalArgumentException.class, () -> FrzLoadOptions.builder().memoryBudget(-1));
        assertThrows(IllegalArgumentException.class, () -> FrzLoadOptions.builder().tier(-1));
    }

    @Test
    void failuresAreTyped(@TempDir Path folder) {
        File nothing = folder.resolve("nothing").toFile();
        try {
            FrzModule.loaderOf(nothing, nothing).load().destroy();
        } catch (FrzLoadException e) {
            assertEquals(FrzLoadException.Kind.UNREADABLE, e.getKind());
            return;
        } catch (FrzException e) {
            throw new AssertionError("the weights are not damaged", e);
        } catch (IOException e) {
            throw new AssertionError("not of a known kind", e);
        }
        throw new AssertionError("there was nothing to load");
    }
}
